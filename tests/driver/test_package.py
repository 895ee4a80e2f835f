"""What `mip` and a frozen build take is the driver that is here: every file, and no other."""

import json
import re

from bg95_host.compat import FIRMWARE

FILES = {str(path.relative_to(FIRMWARE)) for path in (FIRMWARE / "bg95").rglob("*.py")}


def test_package_json_lists_every_file():
    package = json.loads((FIRMWARE / "package.json").read_text())
    assert {target for target, _ in package["urls"]} == FILES
    assert all(target == source for target, source in package["urls"])


def test_the_manifest_freezes_the_package():
    assert 'package("bg95")' in (FIRMWARE / "manifest.py").read_text()


def test_there_is_one_version():
    versions = {
        json.loads((FIRMWARE / "package.json").read_text())["version"],
        re.search(r'__version__ = "(.*)"', (FIRMWARE / "bg95" / "__init__.py").read_text()).group(
            1
        ),
        re.search(r'version="(.*)"', (FIRMWARE / "manifest.py").read_text()).group(1),
    }
    assert len(versions) == 1


def test_the_folders_readme_names_every_file():
    readme = (FIRMWARE / "bg95" / "README.md").read_text()
    resident, visiting = readme.split("| visitor (`visitors/`)")
    for path in (FIRMWARE / "bg95").glob("*.py"):
        assert f"`{path.name}`" in resident, path
    for path in (FIRMWARE / "bg95" / "visitors").glob("[!_]*.py"):
        assert f"`{path.name}`" in visiting.split("## Rules")[0], path
