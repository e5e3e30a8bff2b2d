// Answers questions about files of results with the SAF CLI's own commands and
// with inspecjs, without starting the CLI anew for each. One question a line
// comes in on standard input, one answer a line goes out, both JSON:
//
//   {"ask": "controls", "input": FILE}                    what inspecjs makes of each control
//   {"ask": "threshold", "input": FILE, "template": FILE} saf validate threshold -i FILE -T FILE
//   {"ask": "generate", "input": FILE, "flags": ["-e"]}   saf generate threshold -i FILE -e
//
// The first argument is the folder in which the packages are installed.
'use strict'
const path = require('node:path')
const readline = require('node:readline')
const {createRequire} = require('node:module')

const folder = path.resolve(process.argv[2])
const load = createRequire(path.join(folder, 'package.json'))
const saf = path.join(folder, 'node_modules', '@mitre', 'saf')
const inspecjs = load('inspecjs')
const {Config} = createRequire(path.join(saf, 'package.json'))('@oclif/core')
const commands = {
  threshold: load(path.join(saf, 'lib/commands/validate/threshold.js')).default,
  generate: load(path.join(saf, 'lib/commands/generate/threshold.js')).default,
}

// run runs a command and returns its exit code with all that it printed.
async function run(command, args, config) {
  const said = []
  const real = {log: console.log, error: console.error, out: process.stdout.write, err: process.stderr.write}
  const keep = text => { said.push(String(text)); return true }
  console.log = keep
  console.error = keep
  process.stdout.write = keep
  process.stderr.write = keep
  process.exitCode = 0
  let thrown
  try {
    await command.run(args, config)
  } catch (error) {
    thrown = error
  } finally {
    console.log = real.log
    console.error = real.error
    process.stdout.write = real.out
    process.stderr.write = real.err
  }
  const exit = process.exitCode
  process.exitCode = 0
  if (thrown) throw thrown
  return {exit, said: said.join('\n')}
}

function controls(file) {
  const evaluation = inspecjs.convertFileContextual(require('node:fs').readFileSync(file, 'utf8'))
  return {
    profiles: evaluation.contains.length,
    controls: evaluation.contains[0].contains.map(c => ({
      id: c.data.id, status: c.root.hdf.status, severity: c.root.hdf.severity, waived: c.root.hdf.waived,
      nist: c.root.hdf.rawNistTags, code: c.full_code, check: c.root.hdf.descriptions.check || '',
    })),
  }
}

async function answer(question, config) {
  switch (question.ask) {
    case 'controls':
      return controls(question.input)
    case 'threshold':
      return run(commands.threshold, ['-i', question.input, '-T', question.template], config)
    case 'generate':
      return run(commands.generate, ['-i', question.input, ...question.flags], config)
  }
  throw new Error(`nothing is known about ${question.ask}`)
}

async function main() {
  const config = await Config.load({root: saf})
  for await (const line of readline.createInterface({input: process.stdin})) {
    let reply
    try {
      reply = await answer(JSON.parse(line), config)
    } catch (error) {
      reply = {broken: String(error && error.stack || error)}
    }
    process.stdout.write(JSON.stringify(reply) + '\n')
  }
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
