"""What each action of the audit trail is called on a page: "Mira made the key production swarm"."""

import re

WORDS = {
    "agent.activate": "activated the agent",
    "agent.create": "made the agent",
    "agent.deactivate": "deactivated the agent",
    "agent.delete": "deleted the agent",
    "agent.remove": "removed for good the agent",
    "agent.restore": "restored the agent",
    "agent.undelete": "brought back the agent",
    "agent.update": "changed the agent",
    "agent.maintenance": "put into maintenance the agent",
    "agent.end_maintenance": "ended the maintenance of the agent",
    "agent.merge": "merged into another the agent",
    "agent.unmerge": "took apart again the agent",
    "alert.reopen": "reopened the alert",
    "alert.resolve": "resolved the alert",
    "change.create": "told of the change",
    "integration.switch_off": "switched off the integration",
    "integration.switch_on": "switched on the integration",
    "key.create": "made the key",
    "key.revoke": "revoked the key",
    "login_link.make": "made a sign-in link for",
    "member.invite": "invited",
    "member.leave": "left the space",
    "member.remove": "removed the member",
    "member.role": "changed the role of",
    "profile.update": "changed the profile",
    "sample.load": "loaded the sample swarm",
    "sample.remove": "removed the sample swarm",
    "secrets.rotate": "encrypted the stored secrets with a new key,",
    "session.begin": "signed in",
    "session.end": "signed out or ended a session",
    "session.end_all": "ended all sessions of",
    "session.end_others": "ended the other sessions",
    "space.enter": "entered the space",
    "space.erase": "began to erase the space",
    "space.export": "exported the space",
    "space.import": "imported an archive into the space",
    "space.leave": "went out of the space",
    "space.look": "looked into the space as administrator",
    "user.create": "came in for the first time",
    "user.disable": "disabled",
    "user.enable": "enabled again",
    "user.link": "connected a way to sign in",
    "user.role": "changed the role of",
    "user.update": "proved an address",
    "view.create": "saved the view",
    "view.delete": "deleted the view",
    "view.rename": "renamed the view",
    "view.update": "saved anew the view",
}
# Where the subject is who acted, naming it would say it twice.
ABOUT_ONESELF = {
    "member.leave", "profile.update", "session.begin", "session.end_others", "space.enter", "space.erase", "space.export", "space.leave", "space.look",
    "user.create", "user.link", "user.update",
}  # fmt: skip
# Symbols of templates/_icons.svg.
_ICONS = {
    "agent": "agents",
    "alert": "alerts",
    "key": "key",
    "login_link": "key",
    "session": "out",
    "view": "tasks",
    "workflow": "workflows",
}
_OF_PEOPLE = {"member", "profile", "space", "user"}
SUBJECTS = sorted({action.partition(".")[0] for action in WORDS})


def in_words(action: str) -> str:
    return WORDS.get(action) or action.replace(".", " ").replace("_", " ")


def icon_of(action: str) -> str:
    subject = action.partition(".")[0]
    return "person" if subject in _OF_PEOPLE else _ICONS.get(subject, "settings")


def field_in_words(name: str) -> str:
    """expiresAt → expires at; preferences.timeZone → time zone."""
    last = name.rpartition("preferences.")[2]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", last).lower()
