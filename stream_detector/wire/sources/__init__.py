"""Other people's events -> our calls: one module per format, each a pure function of bytes.

`events` says what comes of a document; a format's module only says which of its fields is which of ours. Every `read`
takes the body, what hides texts and clients, and which part of a call the documents tell of, and returns `events.Found`.
"""
