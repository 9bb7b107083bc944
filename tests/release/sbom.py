"""Checks a bill of materials by the schema of CycloneDX 1.6, where nothing unknown may stand."""

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

file = Path(sys.argv[1])
fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read_text())
if fault:
    sys.exit(f"{file} is no CycloneDX 1.6: {fault}")
print(file)
