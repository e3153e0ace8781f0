"""`make bench`: the gateway of the examples, beside the same one on aiobotocore."""
