"""Image archives (OCI image layout in a tar file) from one program or from a whole root file system.

Owns: writing such an archive. Source: https://github.com/opencontainers/image-spec, image-layout.md, config.md.
"""

import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path
from typing import Any

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_OCI = "application/vnd.oci.image"


def write_program(archive: Path, program: Path, reference: str) -> None:
    """Write an image that holds one program without libraries, and runs it.

    Args:
        archive: the file to write.
        program: a statically linked program.
        reference: the image's whole name with its tag, such as `localhost/pause:1`.
    """
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as files:
        _add(files, program.name, program.read_bytes(), mode=0o755)
    _write(archive, layer.getvalue(), {"Entrypoint": [f"/{program.name}"], "User": "65535:65535"}, reference)


def names(archive: Path) -> list[str]:
    """Give the names of the images in an archive, OCI or Docker.

    Raises:
        OSError, tarfile.TarError, ValueError: where it is no such archive.
    """
    with tarfile.open(archive) as files:
        for member, key in (("index.json", "manifests"), ("manifest.json", "")):
            content = files.extractfile(member) if member in files.getnames() else None
            if content:
                entries = json.load(content)
                return [name for each in (entries[key] if key else entries) for name in _names_in(each)]
    raise ValueError("neither index.json nor manifest.json is in it")


def _names_in(entry: dict[str, Any]) -> list[str]:
    notes = entry.get("annotations", {})
    whole = notes.get("io.containerd.image.name") or notes.get("org.opencontainers.image.ref.name")
    return [whole] if whole else list(entry.get("RepoTags") or ())


def _write(archive: Path, layer: bytes, settings: dict[str, Any], reference: str) -> None:
    digest = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    config = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [digest]},
    }
    blobs = {"config": json.dumps(config).encode(), "layer": layer}
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": _descriptor(blobs["config"], f"{_OCI}.config.v1+json"),
        "layers": [_descriptor(layer, f"{_OCI}.layer.v1.tar")],
    }
    blobs["manifest"] = json.dumps(manifest).encode()
    top = _descriptor(blobs["manifest"], f"{_OCI}.manifest.v1+json")
    top["annotations"] = {
        "io.containerd.image.name": reference,
        "org.opencontainers.image.ref.name": reference.rpartition(":")[2],
    }
    with tarfile.open(archive, "w") as files:
        _add(files, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(files, "index.json", json.dumps({"schemaVersion": 2, "manifests": [top]}).encode())
        for blob in blobs.values():
            _add(files, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)


def _descriptor(blob: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}


def _add(files: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    files.addfile(entry, io.BytesIO(content))
