"""The user service as the classic tutorial writes it, with its two bugs, to practise on.

It follows events from the first one at every start, without a checkpoint, into a table without a
unique key: each restart doubles the rows. And it answers 201 without waiting for the append: what
was promised may never have been stored. Never run it for anything else.
"""
