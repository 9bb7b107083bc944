// Wine 8 lacks this library of Windows, from which Rust's standard library takes random numbers. For tests alone.
#include <stddef.h>

unsigned char SystemFunction036(void *buffer, unsigned long length);

__declspec(dllexport) int ProcessPrng(unsigned char *buffer, size_t length) {
  return SystemFunction036(buffer, (unsigned long)length);
}
