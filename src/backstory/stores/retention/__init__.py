"""EventStoreDB's rules for streams that are truncated, deleted or ended, over any store of ours.

A store's own five methods show the log as it is. These functions show it as EventStoreDB does:
metadata of a stream `s` are events `$metadata` of the stream `$$s`; they say which events of `s`
may still be read, and a soft deletion is one more such event.

    standing = await standing_of(store, "user-1")      # how does the stream stand?
    page = await visible(store, Read(stream="user-1"))   # what may be read of it
    await delete(store, "user-1")                        # hide it; appending brings it back
"""
