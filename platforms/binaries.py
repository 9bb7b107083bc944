"""Prints as JSON what a native core requires of the system that loads it: libraries, versions of symbols, signature."""

import json
import sys

import lief

ITSELF = lief.MachO.LoadCommand.TYPE.ID_DYLIB


def elf(binary):
    versions = {}
    for requirement in binary.symbols_version_requirement:
        versions[requirement.name] = sorted(auxiliary.name for auxiliary in requirement.get_auxiliary_symbols())
    return {
        "format": "ELF",
        "machine": binary.header.machine_type.name,
        "libraries": list(binary.libraries),
        "versions": versions,
        "debug": any(section.name.startswith(".debug_") for section in binary.sections),
    }


def mach_o(binary):
    return {
        "format": "Mach-O",
        "machine": binary.header.cpu_type.name,
        # The first command of a library names itself.
        "libraries": [library.name for library in binary.libraries if library.command != ITSELF],
        "oldest": list(binary.build_version.minos if binary.has_build_version else binary.version_min.version),
        "signed": binary.has_code_signature,
        "undefined": sorted(symbol.name for symbol in binary.imported_symbols),
    }


def pe(binary):
    return {
        "format": "PE",
        "machine": binary.header.machine.name,
        "libraries": [library.name for library in binary.imports],
        "exports": [entry.name for entry in binary.get_export().entries],
    }


def told(path):
    binary = lief.parse(path)
    if isinstance(binary, lief.ELF.Binary):
        return elf(binary)
    return mach_o(binary) if isinstance(binary, lief.MachO.Binary) else pe(binary)


print(json.dumps({path: told(path) for path in sys.argv[1:]}))
