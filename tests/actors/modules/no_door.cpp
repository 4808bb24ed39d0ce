// A shared library that is no module of agents.
extern "C" int answer() {
  return 42;
}
