"""LHC-Forms is installed exactly as pinned, or not at all."""

import base64
import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

import dev
from tests.e2e.browser.lhc_forms import PIN


def packed(folder: Path, **files: str) -> tuple[Path, dict[str, Any]]:
    """A package of these files, and its pin."""
    path = folder / "p.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    return path, {"name": "p", "version": "1", "integrity": f"sha512-{digest}", "files": ["main.js"]}


def test_another_package_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    path, pin = packed(tmp_path, **{"main.js": "1"})
    with pytest.raises(SystemExit, match=r"p 1 is not the package"):
        dev.unpack(path, pin | {"integrity": PIN["integrity"]})


def test_the_named_files_are_taken_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "LFORMS", tmp_path / "lforms")
    dev.unpack(*packed(tmp_path, **{"main.js": "1", "../evil.js": "2"}))
    found = [path.name for path in (tmp_path / "lforms").rglob("*")]
    assert found == ["main.js"]
    assert not (tmp_path / "evil.js").exists()


def test_the_pin_is_a_version_and_a_hash() -> None:
    assert PIN["integrity"].startswith("sha512-")
    assert PIN["version"].count(".") == 2
