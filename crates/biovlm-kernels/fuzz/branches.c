// Branches of libjpeg-turbo for libFuzzer: gcc's -fsanitize-coverage=trace-pc calls this at each of them, and libFuzzer reads the counters of the
// section. clang's own instrumentation is not asked for, so any C compiler of the build serves.
#include <stdint.h>

#define COUNTERS (1 << 15)
__attribute__((section("__libfuzzer_extra_counters"))) uint8_t biovlm_branches[COUNTERS];

// the numbers of comparisons are libFuzzer's to read; a program of the build that is not a fuzzer has nobody to read them
#define COMPARED(name, type) \
  __attribute__((weak)) void __sanitizer_cov_trace_##name(type a, type b) { (void)a, (void)b; }
COMPARED(cmp1, uint8_t)
COMPARED(cmp2, uint16_t)
COMPARED(cmp4, uint32_t)
COMPARED(cmp8, uint64_t)
COMPARED(cmpf, float)
COMPARED(cmpd, double)
COMPARED(const_cmp1, uint8_t)
COMPARED(const_cmp2, uint16_t)
COMPARED(const_cmp4, uint32_t)
COMPARED(const_cmp8, uint64_t)
__attribute__((weak)) void __sanitizer_cov_trace_switch(uint64_t value, uint64_t *cases) { (void)value, (void)cases; }

// libFuzzer has a function of the name that warns and stops: build.rs has the linker send the calls here
void __wrap___sanitizer_cov_trace_pc(void) {
  uintptr_t at = (uintptr_t)__builtin_return_address(0);
  biovlm_branches[(at ^ at >> 15) % COUNTERS]++;
}

// for the programs of libjpeg-turbo's build, which are no fuzzers
__attribute__((weak)) void __sanitizer_cov_trace_pc(void) {}
