#!/usr/bin/env python3
"""Runs every command of the sh blocks of Markdown files: run_commands.py XPUSIM FILE ...

A command must exit with 0, or with N where it ends with the comment `# exit N`. Lines that set the alias and those of tools/
are skipped; `$X` means xpusim.
"""
import re
import subprocess
import sys

binary, *files = sys.argv[1:]
failed = ran = 0
for name in files:
    text = open(name, encoding='utf-8').read()
    for block in re.findall(r'^```sh\n(.*?)^```', text, re.M | re.S):
        for line in block.splitlines():
            command = re.match(r'(?:xpusim|\$X) (.*?)(?:\s+# (.*))?$', line)
            if not command:
                continue
            wanted = re.match(r'exit (\d+)', command[2] or '')
            done = subprocess.run(f'{binary} {command[1]}', shell=True, capture_output=True, text=True)
            ran += 1
            if done.returncode != int(wanted[1] if wanted else 0):
                failed += 1
                print(f'{name}: exit {done.returncode}: {line}\n{done.stderr}')
print(f'{ran} commands, {failed} failed')
sys.exit(failed > 0 or ran == 0)
