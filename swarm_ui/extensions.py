"""The Flask extensions, built without an app."""

from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from swarm_ui.orm import Base, render_item

db = SQLAlchemy(model_class=Base)
migrate = Migrate(render_as_batch=True, render_item=render_item, compare_type=True)
login_manager = LoginManager()
