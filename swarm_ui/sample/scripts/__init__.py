"""What happens in a run of each workflow: one script a file, with its subjects and what can go wrong."""

from collections.abc import Callable

from swarm_ui.sample.recording import Recording
from swarm_ui.sample.scripts import (
    bug_triage,
    code_review,
    competitor_brief,
    deep_research,
    index_refresh,
    support_desk,
)

# `play(recording, number, trouble)`: `number` chooses the subject, `trouble` what goes wrong ("" for nothing).
SCRIPTS: dict[str, Callable[[Recording, int, str], None]] = {
    "competitor-brief": competitor_brief.play,
    "deep-research": deep_research.play,
    "index-refresh": index_refresh.play,
    "code-review": code_review.play,
    "bug-triage": bug_triage.play,
    "support-desk": support_desk.play,
}
