"""`python -m stream_detector` is `stream-detector`."""

from stream_detector.cli import main

if __name__ == "__main__":
    main()
