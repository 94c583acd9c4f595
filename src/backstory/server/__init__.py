"""Speaking EventStoreDB: any store of ours, to the official clients of every language.

    async with serving(store, ServerSettings(port=2113)) as server:
        await server.ended()

One module or folder for each gRPC service; `transport` puts them, and the pages for the browser, on
one port. The rules come from EventStoreDB 25.0, observed at its protocol.
"""
