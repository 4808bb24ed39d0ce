// As much of NVIDIA's driver as `troupe doctor` asks, for machines without one: a GPU that is too
// old. FAKE_DRIVER_FAILS makes it one that does not start.
#include <cstddef>
#include <cstdlib>
#include <cstring>

extern "C" {
int cuInit(unsigned) {
  return std::getenv("FAKE_DRIVER_FAILS") == nullptr ? 0 : 999;  // NOLINT(concurrency-mt-unsafe)
}
int cuDriverGetVersion(int* version) {
  *version = 12080;
  return 0;
}
int cuDeviceGetCount(int* count) {
  *count = 1;
  return 0;
}
int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return 0;
}
int cuDeviceGetName(char* name, int bytes, int) {
  std::strncpy(name, "Imagined GPU", static_cast<std::size_t>(bytes));
  return 0;
}
int cuDeviceTotalMem_v2(std::size_t* bytes, int) {
  *bytes = std::size_t{3} << 30;
  return 0;
}
int cuDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 75 ? 7 : 5;
  return 0;
}
int cuGetErrorString(int, const char** text) {
  *text = "imagined trouble";
  return 0;
}
}
