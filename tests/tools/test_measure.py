#!/usr/bin/env python3
"""tools/measure/measure.py without a device: shapes, refusals, and the table it writes with a timer of our own.

test_measure.py XPUSIM: the table must be one that `xpusim calibrate` takes.
"""
import importlib.util
import io
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / 'tools/measure/measure.py'
spec = importlib.util.spec_from_file_location('measure', SCRIPT)
measure = importlib.util.module_from_spec(spec)
spec.loader.exec_module(measure)


def check(fact, what):
    if not fact:
        sys.exit('failed: ' + what)


def run(*words):
    return subprocess.run([sys.executable, '-S', '-B', str(SCRIPT), *words], capture_output=True, text=True)


# Shapes: every column that an operation takes, and no other.
takes = {'gemm': {'format', 'm', 'n', 'k'}, 'memory': {'bytes'},
         'attention_prefill': {'format', 'batch', 'sequence', 'heads', 'kv_heads', 'head_dim'},
         'attention_decode': {'format', 'batch', 'context', 'heads', 'kv_heads', 'head_dim'}}
takes['attention_backward'] = takes['attention_prefill']
for shape in measure.shapes(measure.GROUPS, ['bf16', 'fp8']):
    check(set(shape) == takes[shape['op']] | {'op'}, 'columns of %s' % shape)
for shape in measure.collective_shapes(8):
    check(set(shape) == {'op', 'ranks', 'bytes'}, 'columns of %s' % shape)

# The script by itself; -S hides site packages, so that torch is not found.
dry = run('--dry-run')
check(dry.returncode == 0 and 'shapes' in dry.stdout and 'gemm' in dry.stdout, 'the dry run lists the shapes')
check('all_to_all' in run('--dry-run', '--collectives').stdout, 'the dry run lists collectives')
bare = run()
check(bare.returncode == 1 and 'PyTorch is not installed' in bare.stderr, 'without torch it says so: %s' % bare.stderr)
wrong = run('--ops', 'gemms')
check(wrong.returncode == 2 and 'no group gemms' in wrong.stderr, 'an unknown group is refused')


# The table: FLOPs over 600 TFLOP/s or bytes over 3 TB/s, and 3 us; a shape that cannot be made is skipped.
def make(shape):
    if shape.get('format') == 'fp8':
        raise RuntimeError('no such kernel')
    return shape


def timer(shape, same):
    check(shape is same, 'the timer gets what make gave, and the shape')
    flops = 2 * shape['m'] * shape['n'] * shape['k'] if shape['op'] == 'gemm' else 0
    return max(flops / 600e12, shape.get('bytes', 0) / 3e12) + 3e-6


said = []
todo = measure.shapes(['gemm', 'memory'], ['bf16', 'fp8'])
rows = measure.measure(todo, make, timer, 3, said.append)
check(len(rows) == 3 * sum(s.get('format') != 'fp8' for s in todo), 'three rows per shape')
check(sum(t.startswith('skipped') for t in said) == sum(s.get('format') == 'fp8' for s in todo), 'skipped shapes are named')
text = io.StringIO()
measure.write_table(text, [('device', 'a fake\n device'), ('software', 'none'), ('date', '2026-01-01')], rows)
lines = text.getvalue().splitlines()
check(lines[:5] == ['# xpusim measurements: 1', '# device: a fake device', '# software: none', '# date: 2026-01-01',
                    ','.join(measure.COLUMNS)], 'header')
check(len(lines) == 5 + len(rows), 'one line per row')
first = rows[0]
check(lines[5] == 'gemm,bf16,%d,%d,%d,,,,,,,,,%.9g' % (first['m'], first['n'], first['k'], first['seconds']), lines[5])

with tempfile.TemporaryDirectory() as folder:
    table = pathlib.Path(folder) / 'run.csv'
    table.write_text(text.getvalue())
    done = subprocess.run([sys.argv[1], 'calibrate', str(table), '--chip', 'nvidia-h100-sxm'], capture_output=True, text=True,
                          cwd=ROOT)
    check(done.returncode == 0 and '/efficiency/gemm/bf16' in done.stdout, 'xpusim calibrate takes the table: ' + done.stderr)
print('measure.py: %d shapes' % len(todo))
