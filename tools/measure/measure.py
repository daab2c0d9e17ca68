#!/usr/bin/env python3
"""Times kernels and collectives of the accelerator it runs on and writes the table that `xpusim calibrate` reads.

  python3 measure.py -o run.csv                                   # one device: GEMM, attention, memory
  python3 measure.py -o hot.csv --sustained 20                    # at the clock that a long run settles at
  torchrun --nproc-per-node 8 measure.py --collectives -o c.csv   # all devices of a node
  python3 measure.py --dry-run                                    # only list the shapes

Needs PyTorch for the device (CUDA, ROCm, torch_npu, torch_musa, MACA); nothing else.
"""
import argparse
import datetime
import os
import sys
import time

COLUMNS = ['op', 'format', 'm', 'n', 'k', 'batch', 'sequence', 'context', 'heads', 'kv_heads', 'head_dim', 'bytes', 'ranks',
           'seconds']
GROUPS = ['gemm', 'attention', 'decode', 'memory']
COLLECTIVES = ['all_reduce', 'all_gather', 'reduce_scatter', 'all_to_all']
LAYERS = [(4096, 4096), (6144, 4096), (14336, 4096), (4096, 14336), (8192, 8192), (28672, 8192), (8192, 28672), (7168, 2048)]


def shapes(groups, formats, tiny=False):
    """Every shape as a dictionary of its columns. Layers of 7B to 70B models, tokens from one to a micro-batch."""
    layers, tokens = LAYERS, [1, 16, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]
    heads, lengths, decodes = [(32, 8, 128), (64, 8, 128), (16, 16, 128)], [512, 1024, 2048, 4096, 8192, 16384], [1, 8, 32, 128]
    contexts, sizes = [1024, 4096, 16384], [2 ** p for p in range(16, 33)]
    if tiny:
        layers, tokens, heads, lengths = [(64, 32), (32, 64)], [1, 16], [(4, 2, 16)], [32]
        decodes, contexts, sizes = [2], [64], [2 ** 16, 2 ** 20]
    found = []
    if 'gemm' in groups:
        found += [dict(op='gemm', format=f, m=m, n=n, k=k) for f in formats for n, k in layers for m in tokens]
    if 'attention' in groups:
        for h, kv, d in heads:
            for s in lengths:
                shape = dict(format='bf16', batch=max(1, 16384 // s) if not tiny else 1, sequence=s, heads=h, kv_heads=kv,
                             head_dim=d)
                found += [dict(op='attention_prefill', **shape), dict(op='attention_backward', **shape)]
    if 'decode' in groups:
        found += [dict(op='attention_decode', format='bf16', batch=b, context=c, heads=h, kv_heads=kv, head_dim=d)
                  for h, kv, d in heads for b in decodes for c in contexts]
    if 'memory' in groups:
        found += [dict(op='memory', bytes=s) for s in sizes]
    return found


def collective_shapes(ranks, tiny=False):
    """Buffer sizes as nccl-tests counts them: the gathered buffer of all_gather, all that a rank sends of all_to_all."""
    powers = range(10, 14) if tiny else range(10, 34)
    return [dict(op=op, bytes=2 ** p, ranks=ranks) for op in COLLECTIVES for p in powers if 2 ** p >= 16 * ranks]


def write_table(out, header, rows):
    """`header`: pairs of words; `rows`: dictionaries of columns, one per repeat."""
    out.write('# xpusim measurements: 1\n')
    for key, value in header:
        out.write('# %s: %s\n' % (key, ' '.join(str(value).split())))
    out.write(','.join(COLUMNS) + '\n')
    for row in rows:
        out.write(','.join('%.9g' % row[c] if c == 'seconds' else str(row.get(c, '')) for c in COLUMNS) + '\n')


def measure(todo, make, timer, repeats, log=lambda text: None):
    """Times every shape: `make(shape)` gives a function that runs it once, `timer(run, shape)` its seconds."""
    rows = []
    for number, shape in enumerate(todo):
        try:
            run = make(shape)
            seconds = [timer(run, shape) for _ in range(repeats)]
        except (RuntimeError, NotImplementedError, TypeError, AttributeError, ValueError) as error:  # no such kernel, or no memory
            log('skipped %s: %s' % (shape, str(error).splitlines()[0] if str(error) else type(error).__name__))
            continue
        rows += [dict(shape, seconds=s) for s in seconds]
        log('%d/%d %s: %.3f us' % (number + 1, len(todo), shape, 1e6 * sorted(seconds)[len(seconds) // 2]))
    return rows


class Device:
    """The accelerator behind torch: events and synchronisation under one name."""

    def __init__(self, torch, kind=None, index=0):
        self.torch = torch
        for module in ('torch_npu', 'torch_musa'):  # they add their device to torch when imported
            try:
                __import__(module)
            except ImportError:
                pass
        known = [k for k in ('cuda', 'npu', 'musa', 'maca') if hasattr(torch, k) and getattr(torch, k).is_available()]
        if kind is None and not known:
            sys.exit('measure.py: torch sees no accelerator (cuda, npu, musa, maca); --self-test runs on the CPU')
        self.kind = kind or known[0]
        self.api = None if self.kind == 'cpu' else getattr(torch, self.kind)
        self.name = 'cpu'
        if self.api is not None:
            self.api.set_device(index)
            self.name = self.api.get_device_name(index)
        self.where = 'cpu' if self.kind == 'cpu' else '%s:%d' % (self.kind, index)

    def synchronize(self):
        if self.api is not None:
            self.api.synchronize()

    def timer(self, sustained, target=0.05):
        """Seconds of one run: back-to-back runs between two events, so many that they take `target` seconds; without launch gaps
        as long as the host keeps ahead. With `sustained` the device is kept busy that long before, at the clock it settles at.
        Ranks of a collective must agree on the number of runs: it follows from the bytes."""
        hot = []

        def seconds_of(run, count):
            if self.api is None:
                start = time.perf_counter()
                for _ in range(count):
                    run()
                return (time.perf_counter() - start) / count
            first, last = self.api.Event(enable_timing=True), self.api.Event(enable_timing=True)
            first.record()
            for _ in range(count):
                run()
            last.record()
            self.synchronize()
            return first.elapsed_time(last) * 1e-3 / count

        def timed(run, shape):
            once = seconds_of(run, 3)  # also warms up
            if 'ranks' in shape:
                return seconds_of(run, max(5, min(200, 2 ** 31 // shape['bytes'])))
            count = max(3, min(1000, int(target / max(once, 1e-7))))
            # The first shape heats the device up; later ones need only keep it warm.
            end = time.perf_counter() + (min(0.2, sustained) if hot else sustained)
            while sustained > 0 and time.perf_counter() < end:
                seconds_of(run, count)
            hot.append(True)
            return seconds_of(run, count)
        return timed


def kernel_maker(torch, device):
    """make(shape) of the kernels of one device."""
    pool = 2 ** 20 if device.kind == 'cpu' else 2 ** 29
    types = {'bf16': torch.bfloat16, 'fp16': torch.float16, 'fp32': torch.float32}

    def tensor(*size, dtype=torch.bfloat16, grad=False):
        return torch.randn(*size, device=device.where, dtype=dtype, requires_grad=grad)

    def gemm(s):
        if s['format'] == 'fp8':
            eight = torch.float8_e4m3fn
            a = tensor(s['m'], s['k']).to(eight)
            b = tensor(s['n'], s['k']).to(eight).t()  # column major, as the kernel wants it
            one = torch.ones((), device=device.where)
            return lambda: torch._scaled_mm(a, b, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
        a, b = tensor(s['m'], s['k'], dtype=types[s['format']]), tensor(s['k'], s['n'], dtype=types[s['format']])
        out = torch.empty(s['m'], s['n'], device=device.where, dtype=a.dtype)
        return lambda: torch.mm(a, b, out=out)

    def attention(s, queries, keys, grad):
        q = tensor(s['batch'], s['heads'], queries, s['head_dim'], grad=grad)
        k, v = (tensor(s['batch'], s['kv_heads'], keys, s['head_dim'], grad=grad) for _ in range(2))
        more = {} if s['heads'] == s['kv_heads'] else {'enable_gqa': True}
        attend = torch.nn.functional.scaled_dot_product_attention
        run = lambda: attend(q, k, v, is_causal=queries > 1, **more)  # noqa: E731
        if not grad:
            return run
        out = run()
        seed = torch.randn_like(out)
        return lambda: torch.autograd.grad(out, (q, k, v), seed, retain_graph=True)

    def memory(s):
        # A copy reads and writes: bytes counts both. Pieces of large buffers taken in turn, so that no cache holds them.
        half = s['bytes'] // 2
        source, target = (torch.zeros(max(half, pool), dtype=torch.uint8, device=device.where) for _ in range(2))
        pairs = list(zip(source.split(half), target.split(half)))[:8192]
        turn = [0]

        def run():
            piece, copy = pairs[turn[0] % len(pairs)]
            turn[0] += 1
            copy.copy_(piece)
        return run

    def make(s):
        if s['op'] == 'gemm':
            return gemm(s)
        if s['op'] == 'memory':
            return memory(s)
        if s['op'] == 'attention_decode':
            return attention(s, 1, s['context'], False)
        return attention(s, s['sequence'], s['sequence'], s['op'] == 'attention_backward')
    return make


def collective_maker(torch, device, ranks):
    def make(s):
        dtype, size = (torch.float32, 4) if device.kind == 'cpu' else (torch.bfloat16, 2)  # gloo has no bf16
        words = s['bytes'] // size // ranks * ranks
        whole = torch.zeros(words, device=device.where, dtype=dtype)
        share = torch.zeros(words // ranks, device=device.where, dtype=dtype)
        other = torch.empty_like(whole)
        dist = torch.distributed
        return {'all_reduce': lambda: dist.all_reduce(whole),
                'all_gather': lambda: dist.all_gather_into_tensor(whole, share),
                'reduce_scatter': lambda: dist.reduce_scatter_tensor(share, whole),
                'all_to_all': lambda: dist.all_to_all_single(other, whole)}[s['op']]
    return make


def header_of(torch, device, arguments):
    version = getattr(torch.version, 'cuda', None) or getattr(torch.version, 'hip', None) or ''
    return [('device', device.name), ('software', ('PyTorch %s %s %s' % (torch.__version__, device.kind, version)).strip()),
            ('date', datetime.date.today().isoformat()),
            ('mode', 'sustained %g s' % arguments.sustained if arguments.sustained > 0 else 'burst')]


def parse(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-o', '--output', help='table to write (default: stdout)')
    parser.add_argument('--ops', default=','.join(GROUPS), help='groups of kernels: ' + ','.join(GROUPS))
    parser.add_argument('--formats', default='bf16,fp8', help='of GEMMs: bf16, fp16, fp8, fp32')
    parser.add_argument('--collectives', action='store_true', help='time collectives instead (under torchrun)')
    parser.add_argument('--repeats', type=int, default=5, help='rows per shape')
    parser.add_argument('--sustained', type=float, default=0, metavar='SECONDS',
                        help='keep the device busy this long first: training runs at the clock that its power leaves')
    parser.add_argument('--dry-run', action='store_true', help='list the shapes, time nothing')
    parser.add_argument('--self-test', action='store_true', help='tiny shapes on the CPU')
    arguments = parser.parse_args(words)
    unknown = set(arguments.ops.split(',')) - set(GROUPS)
    if unknown:
        parser.error('--ops: no group %s; groups are %s' % (', '.join(sorted(unknown)), ', '.join(GROUPS)))
    return arguments


def main(words):
    arguments = parse(words)
    ranks, rank = int(os.environ.get('WORLD_SIZE', 1)), int(os.environ.get('RANK', 0))
    tiny = arguments.self_test
    todo = shapes(arguments.ops.split(','), ['bf16'] if tiny else arguments.formats.split(','), tiny)
    if arguments.collectives:
        todo = collective_shapes(max(ranks, 2), tiny)
    if arguments.dry_run:
        for shape in todo:
            print(', '.join('%s %s' % (c, shape[c]) for c in COLUMNS if c in shape))
        print('%d shapes' % len(todo))
        return
    try:
        import torch
    except ImportError:
        sys.exit('measure.py: PyTorch is not installed here. Run it where torch sees the accelerator, or see --dry-run.')
    device = Device(torch, 'cpu' if tiny else None, int(os.environ.get('LOCAL_RANK', 0)))
    if arguments.collectives:
        if ranks < 2:
            sys.exit('measure.py: collectives need several ranks: torchrun --nproc-per-node 8 measure.py --collectives ...')
        backend = {'cpu': 'gloo', 'npu': 'hccl', 'musa': 'mccl'}.get(device.kind, 'nccl')
        torch.distributed.init_process_group(backend)
        make = collective_maker(torch, device, ranks)
    else:
        make = kernel_maker(torch, device)
    talk = rank == 0
    timer = device.timer(arguments.sustained, 0 if tiny else 0.05)
    rows = measure(todo, make, timer, 1 if tiny else arguments.repeats,
                   lambda text: print(text, file=sys.stderr) if talk else None)
    if talk:
        with open(arguments.output, 'w') if arguments.output else sys.stdout as out:
            write_table(out, header_of(torch, device, arguments), rows)
    if arguments.collectives:
        torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(sys.argv[1:])
