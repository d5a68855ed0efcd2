"""The rules of the house that a program can read: who imports whom, how long files are, and what is asked only in one place."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "swarm_ui"
MODULES = {
    ".".join(("swarm_ui", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}

# Imports go down this ladder, or along a rung. A module of a feature stands on 4 unless its name says otherwise.
LADDER = {
    1: "assets clock compression config config_providers config_values cookies crypto extensions formatting ids jsontext logs memory orm rawsql storage telemetry templating version",
    2: "tenancy access web errors audit live downloads",
    3: "models *.models",
    4: "aggregates dbcheck ingest.answered ingest.contents ingest.conventions ingest.handovers ingest.identity ingest.large ingest.payload ingest.records ingest.values *.*",
    5: "sample sample.* ingest.* projection.* worker.*",
    6: "cli api.* *.views *.commands",
    7: "swarm_ui serve supervisor",
}
LONGEST = 450


def rung(module: str) -> int:
    name = module.removeprefix("swarm_ui.")
    names = {word: number for number, words in LADDER.items() for word in words.split()}
    feature, _, part = name.partition(".")
    if part in ("models", "views", "commands"):
        return names[f"*.{part}"]
    for known in (name, f"{feature}.*" if part else "", *(("*.*",) if part else ())):
        if known in names:
            return names[known]
    if SOURCE.joinpath(name).is_dir():
        return min(names.get(f"{name}.*", 4), 4)  # a feature's empty __init__
    raise AssertionError(f"{module} stands nowhere; put it on a rung of LADDER in {Path(__file__).name}")


def imports(path: Path) -> Iterator[tuple[int, str, bool]]:
    """(line, module, whether it runs when the module is loaded) of each import from this product."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    later = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
    }
    later |= {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in inner]
        else:
            continue
        for name in names:
            if name in MODULES:
                yield node.lineno, name, id(node) not in later


def test_imports_go_down_the_ladder():
    climbing = [
        f"{path.relative_to(ROOT)}:{line} (rung {rung(module)}) imports {name} (rung {rung(name)})"
        for module, path in MODULES.items()
        for line, name, _now in imports(path)
        if rung(name) > rung(module)
    ]
    assert not climbing, "\n".join(["imports go down the ladder:", *climbing])


def test_views_are_imported_by_the_application_alone():
    taken = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for module, path in MODULES.items()
        for line, name, _now in imports(path)
        if name.endswith(".views") and module != "swarm_ui"
    ]
    assert not taken, "\n".join(["a feature may use another's models, never another's views:", *taken])


def test_imports_make_no_circle():
    graph = {
        module: sorted({name for _line, name, now in imports(path) if now})
        for module, path in MODULES.items()
    }
    done: set[str] = set()

    def walk(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " → ".join((*above[above.index(module) :], module))
        if module not in done:
            for name in graph[module]:
                walk(name, (*above, module))
            done.add(module)

    for module in graph:
        walk(module, ())


def files(*suffixes: str) -> list[Path]:
    """What is written here, with nothing that is made."""
    folders = [
        ROOT / name
        for name in (
            "swarm_ui",
            "templates",
            "static",
            "tests",
            "docs",
            "scripts",
            "migrations",
            "bench",
            "client",
            "examples",
            ".ci",
        )
    ]
    found = [path for folder in folders for path in folder.rglob("*")] + list(ROOT.glob("*"))
    made = {"__pycache__", "vendor", "versions"}
    return [
        path
        for path in sorted(found)
        if path.suffix in suffixes and path.is_file() and not made & set(path.parts)
    ]


def test_files_stay_short():
    long = [
        f"{path.relative_to(ROOT)}: {lines} lines"
        for path in files(".py", ".js", ".html")
        if path != ROOT / "client" / "swarm.py"  # one file to copy
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    ]
    assert not long, f"longer than {LONGEST} lines, split by purpose: {long}"


def nodes(path: Path) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def used(allowed: set[str], found) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES.values()
        if path.relative_to(SOURCE).as_posix() not in allowed
        for node in nodes(path)
        if found(node)
    ]


def is_attribute(node: ast.AST, owners: str, names: str) -> bool:
    if not isinstance(node, ast.Attribute) or not re.fullmatch(names, node.attr):
        return False
    owner = getattr(node.value, "id", getattr(node.value, "attr", ""))
    return re.fullmatch(owners, owner) is not None


@pytest.mark.parametrize(
    ("rule", "allowed", "found"),
    [
        ("select(), not Model.query", set(), lambda n: is_attribute(n, r"[A-Z]\w*|session", "query")),
        (
            "bulk methods pass by the owner filter; use insert() with rows",
            set(),
            lambda n: (
                isinstance(n, ast.Attribute)
                and n.attr.startswith("bulk_")
                and n.attr.endswith(("mappings", "objects"))
            ),
        ),
        (
            "the time comes from clock.py",
            {"clock.py"},
            lambda n: is_attribute(n, "datetime|date", "now|utcnow|today"),
        ),
        (
            "the wall clock comes from clock.py",
            {"clock.py"},
            lambda n: is_attribute(n, "time", "time|time_ns"),
        ),
        (
            "settings come from config.py",
            {"config.py", "__init__.py", "cli.py", "serve.py", "supervisor.py", "telemetry.py"},
            lambda n: is_attribute(n, "os", "environ|getenv|putenv"),
        ),
    ],
)
def test_one_place_for_each(rule, allowed, found):
    assert not used(allowed, found), rule


def test_the_rules_can_fail():
    """Each of the patterns above finds what it forbids."""
    bad = ast.walk(
        ast.parse(
            "User.query; db.session.query; datetime.now(); datetime.datetime.utcnow(); time.time(); os.environ['X']"
        )
    )
    bad = list(bad)
    assert sum(is_attribute(node, r"[A-Z]\w*|session", "query") for node in bad) == 2
    assert sum(is_attribute(node, "datetime|date", "now|utcnow|today") for node in bad) == 2
    assert sum(is_attribute(node, "time", "time") for node in bad) == 1
    assert sum(is_attribute(node, "os", "environ") for node in bad) == 1
    assert (
        rung("swarm_ui.tasks.views")
        > rung("swarm_ui.tasks.queries")
        > rung("swarm_ui.tasks.models")
        > rung("swarm_ui.web")
    )


def test_no_path_of_somebodys_machine_and_no_registry():
    words = (
        "/" + "work/",
        "/" + "root/",
        "/" + "tmp/",
        "/" + "home/",
        "pypi" + ".org",
        "pythonhosted" + ".org",
        "registry" + ".npmjs",
    )
    suffixes = (".py", ".js", ".css", ".html", ".md", ".sh", ".toml", ".txt", ".ini", ".mako", ".svg", "")
    found = [
        f"{path.relative_to(ROOT)}:{number} has {word}"
        for path in files(*suffixes)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        for word in words
        if word in line
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("question", [("check",), ("format", "--check")], ids=" ".join)
def test_style_is_that_of_the_formatter(question):
    answer = subprocess.run(
        [sys.executable, "-m", "ruff", *question, "--no-cache", "."], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stdout
