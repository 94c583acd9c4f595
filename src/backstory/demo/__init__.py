"""The user service: the classic demo, written as a user of Backstory writes a service.

Start reading in `app.py`. It imports only what `backstory` offers everybody.
"""
