"""The engine: what hands submissions to workers and writes what comes back.

- `run` is the driver: what changed, one writer, counts;
- `pool` keeps the worker processes of this machine, `worker` is one of them, `frames` is how they talk;
- `cluster` sends the same work to a Dask cluster;
- `fingerprint` decides what has to be graded again, `lock` keeps a second driver out.
"""
