"""One recipe per engine, each run as `python -m trainer.engines.<name>` by the supervisor."""
