"""Conversations at the support desk: customers who write again, each time a run of the same session."""

# question, what the knowledge base says, whether figures are needed, the answer
Turn = tuple[str, str, bool, str]
TALKS: tuple[tuple[Turn, ...], ...] = (
    (
        ("We are charged for eleven seats, but only nine people work with it.", "Seats are billed until the person is removed.", True, "Two of the eleven seats belong to people who were invited in March and never signed in. They count until they are removed."),
        ("Can you remove the two who never signed in?", "Owners remove people; support does so on written request of an owner.", False, "Done on your request as owner: both invitations are withdrawn, and nine seats are left."),
        ("And do we get back what we paid for them since March?", "Unused seats are credited for at most ninety days.", True, "For ninety days: two seats, credited against your next invoice, which shows it as a line of its own."),
    ),
    (
        ("Our nightly import stopped on Sunday.", "Imports stop after three failures in a row and say so by mail.", True, "It failed three times with “column 'region' missing” and was stopped. Your file has been without that column since Saturday."),
        ("The column is back. How do I start the import again?", "A stopped import is started again under Data, Imports.", False, "Data, Imports, your import, Start again. It takes up the three nights that it missed, oldest first."),
        ("It runs, but Saturday is there twice now.", "Rows without a key are added, rows with one are replaced.", True, "Your file has no key column, so Saturday was added a second time. I took the 4,312 doubled rows out."),
        ("Good. Which column should be the key?", "Any column that is unique and never changes.", False, "The order number: it is there in every row, and no two rows share one. Choose it under Key, then rows are replaced."),
    ),
    (
        ("I cannot see the project that a colleague shared with me.", "A shared project shows after the invitation is accepted.", True, "The invitation went to your old address. I sent it to the one you write from."),
        ("Got it, thanks. Can I change my address myself the next time?", "People change their address in their profile; it is confirmed by mail.", False, "Yes: your picture, Profile, Address. The new one counts when you have followed the link in the mail."),
    ),
    (
        ("How many requests may we send a minute?", "Plans: Team 600, Business 3,000 a minute.", True, "On Business 3,000 a minute for each key. Your busiest minute this month had 2,210."),
        ("We want to send three times as many from Monday on. What does that cost?", "A higher limit is sold in steps of 3,000 a minute.", True, "Two more steps of 3,000. They can be ended each month; the offer is on its way to your owner by mail."),
        ("Please set the limit before Monday then.", "Limits change at once after an owner accepted the offer.", False, "As soon as your owner accepts the offer; it then holds at once, Sunday included."),
    ),
    (
        ("Where do I find who deleted our archive?", "The audit trail keeps every deletion for a year.", False, "Settings, Audit trail, filtered by “delete”. It names who, when and from where, for a year."),
        ("It says it was an API key called “nightly”. How do we get the archive back?", "Deleted archives can be restored for 30 days by an owner.", True, "It was deleted two days ago and can be restored for 28 more: Trash, the archive, Restore. The key may delete: take that scope away first."),
    ),
)  # fmt: skip
