"""`make bench`: signing, a call, start-up and asyncio, beside other clients and a socket."""
