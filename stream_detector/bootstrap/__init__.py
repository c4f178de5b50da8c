"""Which concrete class plays which part. Nothing else names them. One module per process, so that extras stay apart."""
