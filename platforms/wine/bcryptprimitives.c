// Wine 8 lacks this library of Windows, of which Rust's standard library takes random numbers: for tests under wine only.
#include <stddef.h>

unsigned char SystemFunction036(void *buffer, unsigned long length);

__declspec(dllexport) int ProcessPrng(unsigned char *buffer, size_t length) {
  return SystemFunction036(buffer, (unsigned long)length);
}
