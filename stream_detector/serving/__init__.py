"""What the HTTP services share: the server, the protocol that it speaks to an application, work in the background."""
