"""The entry point: `make run` starts server and worker from it; `flask` finds it by its name."""

from swarm_ui import create_app

app = create_app()
