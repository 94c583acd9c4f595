"""Eight small applications with one bug each, one for each kind of cause.

Each module has `app`, the application as it runs in production, bug and all; `plant`, which lets
production run until the bug has happened; and `guilty`, which returns the event that is to blame.
"""
