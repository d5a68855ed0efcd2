"""What a person reads when nobody was signed in: for each reason the status, what happened, and what to do. `{provider}` is its label."""

from typing import NamedTuple


class Refusal(NamedTuple):
    status: int
    title: str
    happened: str
    cure: str


AGAIN = "Begin again from the sign-in page."
LATER = "Try again in a few minutes. If it stays so, tell whoever runs this installation."
OPERATOR = "Tell whoever runs this installation: the log of the server says more."

REFUSALS = {
    # The person, or what their browser brought back.
    "cancelled": Refusal(
        403,
        "Sign-in was cancelled",
        "{provider} was not allowed to say who you are.",
        "Nothing has changed here. " + AGAIN,
    ),
    "unknown_state": Refusal(
        400,
        "This sign-in was not begun here",
        "The answer of {provider} does not belong to a sign-in that this browser has begun. It may have been begun in another browser, "
        "at another address of this site, or too long ago.",
        AGAIN,
    ),
    "used": Refusal(
        410, "This sign-in was used already", "The answer of {provider} is good for one time.", AGAIN
    ),
    "no_code": Refusal(
        400, "{provider} sent no answer", "What came back from {provider} is incomplete.", AGAIN
    ),
    "code_refused": Refusal(
        400,
        "{provider} takes the answer back",
        "{provider} does not accept the code that it has just sent. It may have been used, or be too old.",
        AGAIN,
    ),
    # Who may come in.
    "disabled": Refusal(
        403,
        "This account is switched off",
        "{provider} has said who you are, but an administrator has switched your account off.",
        "Ask an administrator to switch it on.",
    ),
    "uninvited": Refusal(
        403,
        "You are not invited yet",
        "{provider} has said who you are, but this address is neither invited nor on the list of those who may come in.",
        "Ask somebody here to invite exactly this address, or sign in as somebody else.",
    ),
    "no_email": Refusal(
        403,
        "{provider} gave no e-mail address",
        "Whether you are invited is told by your address, and {provider} has not passed on one that it has verified.",
        "Allow it to share your address, verify one there, or sign in another way.",
    ),
    "unverified": Refusal(
        403,
        "Your e-mail address is not verified",
        "{provider} has not verified that the address is yours, so it counts for nothing here.",
        "Verify it at {provider}, then sign in again.",
    ),
    "in_use": Refusal(
        409,
        "This address signs in another way",
        "Another account here has this e-mail address. Accounts are not joined.",
        "Sign in the way you did before.",
    ),
    "has_way": Refusal(
        409,
        "You sign in with a provider already",
        "An account keeps the provider that it was made or connected with.",
        "Nothing has changed.",
    ),
    "belongs_to_another": Refusal(
        409,
        "Another account has this sign-in",
        "Somebody has signed in here with this account of {provider} before. Accounts are not joined.",
        "Nothing has changed.",
    ),
    # The provider.
    "slow": Refusal(504, "{provider} takes too long", "{provider} did not answer in time.", LATER),
    "down": Refusal(
        502, "{provider} cannot be reached", "{provider} does not answer as it should just now.", LATER
    ),
    "provider_error": Refusal(
        502, "{provider} has a problem", "{provider} could not finish the sign-in.", LATER
    ),
    "nonsense": Refusal(
        502,
        "{provider} cannot be understood",
        "{provider} answered with something that is not a sign-in.",
        LATER,
    ),
    "wrong_provider": Refusal(
        502,
        "{provider} is not set up right",
        "{provider} does not describe itself as the provider that was configured here.",
        OPERATOR,
    ),
    "wrong_settings": Refusal(
        502, "{provider} is not set up right", "{provider} does not accept this installation.", OPERATOR
    ),
    "untrusted": Refusal(
        502,
        "{provider} could not prove who you are",
        "What {provider} sent is not signed by it, or not meant for this installation or this sign-in.",
        AGAIN + " If it happens again, tell whoever runs this installation.",
    ),
    "expired": Refusal(
        502,
        "The proof of {provider} has expired",
        "What {provider} sent is too old.",
        AGAIN + " If it happens again, the clock of this server or of {provider} is wrong.",
    ),
}


def refusal(reason: str, provider: str) -> Refusal:
    status, *texts = REFUSALS[reason]
    return Refusal(status, *(text.replace("{provider}", provider) for text in texts))
