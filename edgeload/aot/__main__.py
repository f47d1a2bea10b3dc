"""`python -m edgeload.aot`: what scripts/aot_build.py does, where edgeload is installed."""

from edgeload.aot.command import main

raise SystemExit(main())
