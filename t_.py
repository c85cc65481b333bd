from tests import mutants
from tests.mistakes import processes
import time
for m in processes.MISTAKES:
    t=time.time(); print(m.name, mutants.caught_by('processes', m)[:2], round(time.time()-t), flush=True)
