/* What the CUDA plug-in, backend_cuda.so, exports. The program itself never links CUDA: cuBLAS
 * alone costs every process that does 80 ms and more at its start. It loads the plug-in after it
 * found the driver's library, so that a machine without a GPU pays nothing. The two are built
 * together: what Gpu is may differ in another version. */
#pragma once

#include <stddef.h>

#ifdef __cplusplus
namespace troupe::cuda {
class Gpu;
}
extern "C" {
#endif

/* Writes one line per device ("0: NVIDIA H200, 139 GiB, compute capability 9.0") to `text`, or,
 * when there is none, why; always ended by a zero, cut at `size`. Returns the number of devices, or
 * -1. Any thread. Starts no CUDA context. */
int troupe_cuda_describe(char* text, size_t size);

#ifdef __cplusplus
/* Makes the device's context and the calling thread its own (kernels/cuda/gpu.hpp). Null on
 * failure, with CUDA's error number in `status`. Closed on the same thread, when all that came of
 * it was given back. */
troupe::cuda::Gpu* troupe_cuda_open(int device, int* status);
void troupe_cuda_close(troupe::cuda::Gpu* gpu);
}
#endif
