import ts from 'typescript'

/** Something that stands in a source file at a line. */
export interface Sighting {
  readonly what: string
  readonly line: number
}

/** What the rules ask about one source file. */
export interface Facts {
  readonly lines: number
  /** Specifiers of imports, re-exports and dynamic imports. */
  readonly imports: readonly Sighting[]
  /** Re-exports, default exports, enums, `any`: what the house style has not. */
  readonly unwanted: readonly Sighting[]
  /** Uses of a clock, a timer or a random number that is not from crypto. */
  readonly times: readonly Sighting[]
  /** Uses of the environment, and ends of the process. */
  readonly surroundings: readonly Sighting[]
  /** Writes to the terminal. */
  readonly writes: readonly Sighting[]
  /** String literals that read like SQL; `what` begins with the statement's first word. */
  readonly sql: readonly Sighting[]
  /** Exported names without a doc comment. */
  readonly undocumented: readonly Sighting[]
}

const TIMERS = new Set(['setTimeout', 'setInterval', 'setImmediate'])
const TIME_MEMBERS = new Set([
  'Date.now',
  'Math.random',
  'performance.now',
  'performance.timeOrigin',
  'process.hrtime',
  'process.uptime',
])
const TIME_MODULES = new Set(['node:timers', 'node:timers/promises', 'node:perf_hooks'])
const SURROUNDINGS = new Set(['process.env', 'process.exit', 'process.argv', 'process.abort'])
const WRITES = new Set(['process.stdout', 'process.stderr'])
const SQL = new RegExp(
  [
    'PRAGMA\\s+\\w',
    'SELECT\\s[^]*\\bFROM\\s',
    '(INSERT|REPLACE)\\s+(OR\\s+\\w+\\s+)?INTO\\s',
    'UPDATE\\s+[\\w"]+\\s+SET\\s',
    'DELETE\\s+FROM\\s',
    '(CREATE|DROP)\\s+(UNIQUE\\s+|TEMP\\s+)?(TABLE|INDEX|TRIGGER|VIEW)\\s',
    'ALTER\\s+TABLE\\s',
    'WITH\\s+\\w+\\s+AS\\s*\\(',
    'ATTACH\\s+DATABASE\\s',
    'VACUUM\\b',
  ]
    .map((statement) => `^\\s*${statement}`)
    .join('|'),
  'i',
)

/** Reads the facts off a source text. Throws nothing: what does not parse has no facts, and the compiler's own check says so. */
export function readFacts(path: string, text: string): Facts {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const found = {
    imports: [] as Sighting[],
    unwanted: [] as Sighting[],
    times: [] as Sighting[],
    surroundings: [] as Sighting[],
    writes: [] as Sighting[],
    sql: [] as Sighting[],
    undocumented: [] as Sighting[],
  }
  const put = (list: Sighting[], what: string, node: ts.Node): void => {
    list.push({ what, line: file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1 })
  }
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node)
    if (specifier !== null) {
      put(found.imports, specifier, node)
      if (TIME_MODULES.has(specifier)) put(found.times, specifier, node)
      if (specifier === 'node:process' || specifier === 'process') put(found.surroundings, specifier, node)
      if (specifier === 'node:console' || specifier === 'console') put(found.writes, specifier, node)
    }
    const unwanted = unwantedIn(node)
    if (unwanted !== null) put(found.unwanted, unwanted, node)
    const time = timeIn(node)
    if (time !== null) put(found.times, time, node)
    const member = memberOf(node)
    if (member !== null) {
      if (SURROUNDINGS.has(member)) put(found.surroundings, member, node)
      if (WRITES.has(member) || member.startsWith('console.')) put(found.writes, member, node)
    }
    const sql = SQL.exec(literalText(node) ?? '')
    if (sql !== null)
      put(
        found.sql,
        sql[0]
          .trim()
          .replace(/\W[\s\S]*/, '')
          .toUpperCase(),
        node,
      )
    ts.forEachChild(node, visit)
  }
  visit(file)
  for (const { name, node } of undocumentedExports(file)) put(found.undocumented, name, node)
  return { lines: text.replace(/\n$/, '').split('\n').length, ...found }
}

function specifierOf(node: ts.Node): string | null {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return textOf(node.moduleSpecifier)
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return textOf(node.argument.literal)
  if (!ts.isCallExpression(node)) return null
  const called = node.expression
  const loads =
    called.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(called) && called.text === 'require')
  if (!loads) return null
  return textOf(node.arguments[0]) ?? 'a computed name'
}

function textOf(node: ts.Node | undefined): string | null {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : null
}

function unwantedIn(node: ts.Node): string | null {
  if (ts.isEnumDeclaration(node)) return 'enum'
  if (ts.isModuleDeclaration(node)) return 'namespace'
  if (ts.isExportAssignment(node)) return 'default export'
  if (
    ts.canHaveModifiers(node) &&
    ts.getModifiers(node)?.some((one) => one.kind === ts.SyntaxKind.DefaultKeyword)
  ) {
    return 'default export'
  }
  if (ts.isExportDeclaration(node))
    return node.moduleSpecifier === undefined ? 'export list' : 're-export (a barrel)'
  return node.kind === ts.SyntaxKind.AnyKeyword ? 'any' : null
}

function timeIn(node: ts.Node): string | null {
  if (ts.isNewExpression(node) && isName(node.expression, 'Date') && (node.arguments?.length ?? 0) === 0) {
    return 'new Date()'
  }
  if (ts.isCallExpression(node) && isName(node.expression, 'Date')) return 'Date()'
  if (ts.isIdentifier(node) && TIMERS.has(node.text) && !isMemberName(node)) return node.text
  const member = memberOf(node)
  if (member === null) return null
  const [object, name = ''] = member.split('.')
  if (object === 'globalThis' && TIMERS.has(name)) return name
  return TIME_MEMBERS.has(member) ? member : null
}

function isName(node: ts.Node, text: string): boolean {
  return ts.isIdentifier(node) && node.text === text
}

/** True for the `b` of `a.b` and of `{ b: … }`, which name no global. */
function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node
  return (
    (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
    (ts.isPropertyAssignment(parent) && parent.name === node) ||
    ts.isMethodSignature(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isMethodDeclaration(parent)
  )
}

/** `a.b`, also when it is written `a['b']`. */
function memberOf(node: ts.Node): string | null {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    return `${node.expression.text}.${node.name.text}`
  }
  if (ts.isElementAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const name = textOf(node.argumentExpression)
    return name === null ? null : `${node.expression.text}.${name}`
  }
  return null
}

function literalText(node: ts.Node): string | null {
  if (ts.isStringLiteralLike(node)) return node.text
  if (!ts.isTemplateExpression(node)) return null
  return node.head.text + node.templateSpans.map((span) => `x${span.literal.text}`).join('')
}

function undocumentedExports(file: ts.SourceFile): { name: string; node: ts.Node }[] {
  const found: { name: string; node: ts.Node }[] = []
  // Overloads of one function share the comment of the first.
  const documented = new Set<string>()
  for (const node of file.statements) {
    if (!ts.canHaveModifiers(node)) continue
    if (!ts.getModifiers(node)?.some((one) => one.kind === ts.SyntaxKind.ExportKeyword)) continue
    const hasComment = ts.getJSDocCommentsAndTags(node).some((one) => ts.isJSDoc(one))
    for (const name of namesOf(node)) {
      if (hasComment) documented.add(name)
      if (!documented.has(name)) found.push({ name, node })
    }
  }
  return found
}

function namesOf(node: ts.Statement): string[] {
  if (ts.isVariableStatement(node)) return node.declarationList.declarations.map((one) => one.name.getText())
  const { name } = node as ts.Statement & { readonly name?: ts.Identifier }
  return [name?.text ?? 'default']
}
