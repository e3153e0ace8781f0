"""`make bench`: signing, a call and start-up, beside boto3, botocore, awscrt and a socket."""
