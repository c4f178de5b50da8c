"""Kafka in, chunks to a handler, commits behind its checkpoints: a Faust app without logic of its own."""
