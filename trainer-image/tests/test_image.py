"""The images' Dockerfiles, as far as they can be checked without an engine that builds them."""

import ast
import fnmatch
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

IMAGE = Path(__file__).resolve().parents[1]
each_image = pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.nemo"])


def instructions(name: str) -> list[str]:
    """What a comment may split is one instruction."""
    return re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", (IMAGE / name).read_text(), flags=re.MULTILINE)).splitlines()


def sources(name: str) -> list[str]:
    copies = [line.split()[1:-1] for line in instructions(name) if line.startswith("COPY ")]
    return [source for copied in copies for source in copied if not source.startswith("--")]


@each_image
def test_hadolint_has_nothing_to_say(name: str):
    hadolint = Path(sys.executable).with_name("hadolint")

    said = subprocess.run([hadolint, "--no-color", str(IMAGE / name)], capture_output=True, text=True, check=False)

    assert (said.returncode, said.stdout) == (0, "")


@each_image
def test_every_copied_source_exists_and_is_not_ignored(name: str):
    ignored = [line for line in (IMAGE / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

    for source in sources(name):
        assert (IMAGE / source).exists(), source
        assert not any(fnmatch.fnmatch(source, pattern) for pattern in ignored), source


@each_image
def test_everything_that_the_trainer_imports_or_reads_is_copied(name: str):
    """Each module of the package, its schemas, and every package that a module imports: ours, the standard library's, or of the lock."""
    copied = {
        path for source in sources(name) for path in ([IMAGE / source] if (IMAGE / source).is_file() else (IMAGE / source).rglob("*"))
    }

    needed = [path for path in (IMAGE / "trainer").rglob("*") if path.suffix in (".py", ".json") and "__pycache__" not in path.parts]
    assert set(needed) <= copied

    modules = {name.split(".")[0] for path in needed if path.suffix == ".py" for name in imports_of(path)}
    locked = {package["name"].replace("-", "_") for package in tomllib.loads((IMAGE / "uv.lock").read_text())["package"]}
    named_otherwise = {"pynvml": "nvidia_ml_py", "yaml": "pyyaml"}
    optional = {"nemo_automodel", "flash_attn", "liger_kernel"}
    missing = {m for m in modules - set(sys.stdlib_module_names) - {"trainer"} - optional if named_otherwise.get(m, m) not in locked}
    assert missing == set()


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
    return found


@each_image
def test_runs_are_not_roots_and_the_base_is_a_build_argument(name: str):
    lines = instructions(name)

    assert [line for line in lines if line.startswith("USER ")] == ["USER ${TRAINER_UID}"] and "ARG TRAINER_UID=10001" in lines
    assert [line for line in lines if line.startswith("FROM ")] == ["FROM ${BASE}"]
    assert any(re.fullmatch(r"ARG BASE=\S+:\S+", line) for line in lines), "a tag, never latest by default"


@pytest.mark.parametrize(("name", "installs"), [("Dockerfile", "uv pip install"), ("Dockerfile.nemo", "uv sync")])
def test_what_changes_most_comes_last(name: str, installs: str):
    order = [line for line in instructions(name) if line.startswith(("COPY ", "RUN "))]

    lock, install, code = (next(i for i, line in enumerate(order) if word in line) for word in ("uv.lock", installs, "COPY trainer"))
    assert lock < install < code


@pytest.mark.parametrize("word", ["torch", "nvidia-", "cuda-", "triton"])
def test_the_export_leaves_the_bases_torch_and_cuda_alone(word: str):
    """The very command of the image, by the uv that the project pins."""
    uv = next((path for path in IMAGE.parent.glob(".tools/uv-*/**/bin/uv")), None)
    if uv is None:
        pytest.skip("the project's uv is not installed here (npm run setup)")
    [command] = re.findall(r"python -m uv (export .*?) --output-file", " ".join(instructions("Dockerfile")))

    told = subprocess.run([uv, *command.split(), "--quiet"], cwd=IMAGE, capture_output=True, text=True, check=True).stdout

    names = [line.split("==")[0] for line in told.splitlines() if "==" in line and not line.startswith((" ", "#"))]
    assert {"transformers", "boto3", "wandb"} <= set(names)
    ours = {"nvidia-ml-py"}  # a binding of Python, which asks the driver
    assert [name for name in names if (name.startswith(word) if word.endswith("-") else name == word) and name not in ours] == []
