from . import refuse as _r
def _check_type(n,t,k): _r.instance(n,t,k)
def _check_number(n,v): _r.number(n,v)
def _check_whole(n,t): _r.integers(n,t)
def _check_sizes(at_least=1,**g): _r.sizes(at_least,**g)
def _check_ids(*a): _r.token_ids(*a)
_kind=_r.kind_of

# for seq2seq.py until its rewrite is merged
_check_id=_r.token_id
_described=_r.described
def _as_boolean(n,m,s): _r.real_mask(n,m,s); return m.bool()
