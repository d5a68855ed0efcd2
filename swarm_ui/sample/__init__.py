"""The sample swarm: two weeks of an invented company's agents, sent through the real pipeline (append, then project) at the times at which they
would have arrived. `load` replaces what it loaded before; `remove` takes exactly the sample away."""

from swarm_ui.sample.loading import load
from swarm_ui.sample.removal import busy, exists, remove

__all__ = ["busy", "exists", "load", "remove"]
