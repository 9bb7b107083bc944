// Loads a library that uniffi made and prints the version of its contract. It stands in for Python on platforms where
// the tests have no Python.
#include <stdio.h>

#ifdef _WIN32
#include <windows.h>
#define OPEN(path) ((void *)LoadLibraryA(path))
#define FIND(library, name) ((void *)GetProcAddress((HMODULE)(library), name))
#else
#include <dlfcn.h>
#define OPEN(path) dlopen(path, RTLD_NOW)
#define FIND(library, name) dlsym(library, name)
#endif

int main(int count, char **arguments) {
  void *library = count == 2 ? OPEN(arguments[1]) : NULL;
  if (!library) {
    fprintf(stderr, "The library can't be loaded\n");
    return 1;
  }
  unsigned (*version)(void) = FIND(library, "ffi_sentri_native_uniffi_contract_version");
  if (!version) {
    fprintf(stderr, "The library has no version of uniffi's contract\n");
    return 2;
  }
  printf("%u\n", version());
  return 0;
}
