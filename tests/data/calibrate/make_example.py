#!/usr/bin/env python3
"""Writes example.csv: times of an invented device, for tests and the tutorial. Not a measurement of anything.

The device follows closed forms that the fit must find again: a GEMM takes FLOPs / (0.7 x 989 TFLOP/s) and 4 us, causal attention
FLOPs / (0.5 x 989 TFLOP/s) and 4 us (backward 2.5 times the FLOPs at 0.4), a stream (bytes + 8 MB) / (0.9 x 3.35 TB/s), a decode step
its keys and values at the same rate; three repeats are 1 % apart.
"""
import pathlib

PEAK, BANDWIDTH = 989e12, 3.35e12


def stream(size):
    return (size + 8e6) / (0.9 * BANDWIDTH)


def rows():
    for n, k in [(4096, 4096), (14336, 4096), (8192, 8192)]:
        for m in [16, 256, 1024, 4096, 8192]:
            seconds = max(2 * m * n * k / (0.7 * PEAK), stream(2 * (m * k + k * n + m * n))) + 4e-6
            yield f'gemm,bf16,{m},{n},{k},,,,,,,', seconds
    for s in [1024, 2048, 4096, 8192]:
        flops = 2 * (16384 // s) * 32 * (s * s / 2) * 256
        yield f'attention_prefill,bf16,,,,{16384 // s},{s},,32,8,128,', flops / (0.5 * PEAK) + 4e-6
        yield f'attention_backward,bf16,,,,{16384 // s},{s},,32,8,128,', 2.5 * flops / (0.4 * PEAK) + 4e-6
    for b in [1, 16, 64]:
        for c in [1024, 4096, 16384]:
            yield f'attention_decode,bf16,,,,{b},,{c},32,8,128,', stream(b * c * 8 * 256 * 2)
    for power in range(16, 32, 3):
        yield f'memory,,,,,,,,,,,{2 ** power}', stream(2 ** power)


def main():
    lines = ['# xpusim measurements: 1', '# device: invented accelerator', '# software: closed forms of make_example.py',
             '# date: 2026-01-01', 'op,format,m,n,k,batch,sequence,context,heads,kv_heads,head_dim,bytes,seconds']
    for row, seconds in rows():
        for repeat in (0.99, 1.0, 1.01):
            lines.append(f'{row},{seconds * repeat:.6g}')
    (pathlib.Path(__file__).parent / 'example.csv').write_text('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
