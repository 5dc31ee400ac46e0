"""What the suites share: the server as a process, signed requests, checked replies."""
