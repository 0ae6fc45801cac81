"""Running a student's code where it can reach nothing that matters.

- a *warm parent* (`parent`) imports torch and the course once and never runs a student's code;
- for each submission it forks a child that gives up everything (`isolate`, `syscalls`) and then runs the cells
  (`worker`): no network, no other process, a read-only file system, a small scratch, limits on everything;
- `client` is the trusted side: it speaks the framed protocol of `wire`, believes nothing, and kills what is late;
- `protections` says in plain words which of these this machine gives.

Why not bubblewrap: it starts a program, and a program that has imported torch cannot be started, only forked;
importing it anew costs seconds for each submission. The kernel's interfaces behind it are the same ones.
"""
