// Replaces a library of Windows that wine 8 lacks and that Rust's standard library takes random numbers from. Only for
// tests.
#include <stddef.h>

unsigned char SystemFunction036(void *buffer, unsigned long length);

__declspec(dllexport) int ProcessPrng(unsigned char *buffer, size_t length) {
  return SystemFunction036(buffer, (unsigned long)length);
}
