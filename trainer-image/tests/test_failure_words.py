"""The words for failures: what the trainer says, README.md lists, the plane knows with a remedy, and a test provokes."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
TRAINER, README = HERE.parent / "trainer", (HERE.parent / "README.md").read_text()
FAILURES = (HERE.parents[1] / "lambdas" / "domain" / "failures.ts").read_text()
OUTCOMES = {"interrupted"}
"""An outcome here; the plane makes it a failure where it happens again and again."""
KNOWN = set(re.findall(r"^  (\w+): \{", FAILURES.partition("export const FAILURES = {")[2].partition("\n}")[0], re.MULTILINE)) - OUTCOMES


def words_in(folder: Path) -> set[str]:
    """Texts of the Python files below `folder` that are codes of the plane's list."""
    trees = [ast.parse(path.read_text()) for path in folder.rglob("*.py") if path != Path(__file__)]
    return {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in KNOWN}


def given_to(name: str) -> set[str]:
    """The literal codes that `name(code, ...)` is called with."""
    calls = [node for path in TRAINER.rglob("*.py") for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == name and call.args]
    return {call.args[0].value for call in named if isinstance(call.args[0], ast.Constant)}


def test_the_plane_has_a_remedy_for_every_word_of_the_trainer():
    said = given_to("Failure") | given_to("AttemptFailed")

    assert len(said) > 20 and said <= KNOWN


def test_the_readme_lists_the_words_of_the_trainer():
    listed = README.partition("Codes of the trainer:")[2].partition("Their remedies")[0]

    assert set(re.findall(r"\w+", listed)) == words_in(TRAINER)


def test_every_word_is_provoked_by_a_test():
    assert words_in(TRAINER) - words_in(HERE) == set()
