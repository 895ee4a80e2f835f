"""Takes what the tools need of the rest of the project along, so that a wheel works where no clone is."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

PROJECT = Path("bg95_host", "project")  # as bg95_host/places.py has it
PARTS = ("firmware", "boards", "tests/hil", "tests/conftest.py", "tests/pytest.ini")

HERE = Path(__file__).resolve().parent


def take_along(package_parent: str) -> None:
    """Copy the parts to below `package_parent`: from the clone, or from an unpacked source distribution."""
    source = HERE / PROJECT if (HERE / PROJECT).exists() else HERE.parent
    for part in PARTS:
        here, there = source / part, Path(package_parent) / PROJECT / part
        there.parent.mkdir(parents=True, exist_ok=True)
        if here.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(here, there, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copy(here, there)


class BuildWithProject(build_py):
    """Not for an editable installation, which is the clone itself."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            take_along(self.build_lib)


class SourceWithProject(sdist):
    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        take_along(base_dir)


setup(cmdclass={"build_py": BuildWithProject, "sdist": SourceWithProject})
