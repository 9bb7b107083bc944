"""Prints as JSON what a native core requires of the system that loads it: libraries, versions of symbols, signature."""

import hashlib
import json
import struct
import sys
from pathlib import Path

import lief

ITSELF = lief.MachO.LoadCommand.TYPE.ID_DYLIB
#: The slot of the code directory in a signature (`CSSLOT_CODEDIRECTORY` of Apple's `cs_blobs.h`).
CODE_DIRECTORY = 0


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


def is_signed(binary, file):
    """Returns whether the hashes of a signature are those of the pages. A program that changes the file after the
    linker signed it must sign it anew, or macOS on arm64 ends the process that loads it.
    """
    if not binary.has_code_signature:
        return False
    at = binary.code_signature.data_offset
    (count,) = struct.unpack_from(">I", file, at + 8)
    slots = dict(struct.unpack_from(">II", file, at + 12 + 8 * slot) for slot in range(count))
    directory = at + slots[CODE_DIRECTORY]
    hashes, _, _, pages, limit = struct.unpack_from(">5I", file, directory + 16)
    length, page = file[directory + 36], 1 << file[directory + 39]
    signed = [file[directory + hashes + length * number :][:length] for number in range(pages)]
    made = [hashlib.sha256(file[start : min(start + page, limit)]).digest() for start in range(0, limit, page)]
    return signed == [digest[:length] for digest in made]


def mach_o(binary, file):
    return {
        "format": "Mach-O",
        "machine": binary.header.cpu_type.name,
        # The first command of a library names itself.
        "libraries": [library.name for library in binary.libraries if library.command != ITSELF],
        "oldest": list(binary.build_version.minos if binary.has_build_version else binary.version_min.version),
        "signed": is_signed(binary, file),
        "undefined": sorted(symbol.name for symbol in binary.imported_symbols),
    }


def pe(binary):
    return {
        "format": "PE",
        "machine": binary.header.machine.name,
        "libraries": [library.name for library in binary.imports],
        "exports": [entry.name for entry in binary.get_export().entries],
    }


def read(path):
    binary = lief.parse(path)
    if isinstance(binary, lief.ELF.Binary):
        return elf(binary)
    return mach_o(binary, Path(path).read_bytes()) if isinstance(binary, lief.MachO.Binary) else pe(binary)


print(json.dumps({path: read(path) for path in sys.argv[1:]}))
