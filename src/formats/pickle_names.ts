import type { GlobalMeaning } from './pickle_values.ts';

/**
 * Tells by its name alone what a global of a pickle may be that no table knows. Training code leaves objects of any class
 * beside the weights. They become records: nothing is imported, no method runs, and what the pickle says about them is
 * data. Names that only an attack, or a file of another kind, needs are refused as before.
 */

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/));

/** Modules of Python itself, of versions 2 and 3. What is harmless in them stands in the table. */
const ofPython = words(`
  __builtin__ __future__ abc aifc anydbm argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii
  bisect bsddb builtins bz2 cPickle cProfile cStringIO calendar cgi cgitb chunk cmath cmd code codecs codeop collections
  colorsys commands compileall concurrent configparser contextlib contextvars copy copy_reg copyreg crypt csv ctypes
  curses dataclasses datetime dbm decimal difflib dis distutils doctest dummy_thread email encodings ensurepip enum errno
  exceptions execfile faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools gc gdbm genericpath getopt
  getpass gettext glob graphlib grp gzip hashlib heapq hmac hotshot html htmlentitydefs http httplib idlelib ihooks imaplib imghdr
  imp importlib imputil inspect io ipaddress itertools json keyword lib2to3 linecache locale logging lzma mailbox mailcap
  marshal math mimetypes mimetools mmap modulefinder msilib msvcrt multifile multiprocessing mutex netrc new nis nntplib
  nt ntpath nturl2path numbers opcode operator optparse os os2emxpath ossaudiodev parser pathlib pdb pickle pickletools
  pipes pkgutil platform plistlib popen2 poplib posix posixfile posixpath pprint profile pstats pty pwd py_compile pyclbr
  pydoc pydoc_data pyexpat queue quopri random re readline repr reprlib resource rexec rlcompleter runpy sched secrets
  select selectors sets shelve shlex shutil signal site sitecustomize smtpd smtplib sndhdr socket socketserver spwd
  sqlite3 sre sre_compile sre_constants sre_parse ssl stat statistics statvfs string stringprep struct subprocess sunau
  symbol symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap thread threading time timeit
  tkinter token tokenize tomllib trace traceback tracemalloc tty turtle turtledemo types typing unicodedata unittest
  urllib urllib2 urlparse usercustomize uu uuid venv warnings wave weakref webbrowser whichdb winreg winsound wsgiref
  xdrlib xml xmlrpc xmlrpclib zipapp zipfile zipimport zlib zoneinfo`);

/** Packages that install, load or run code, and the words of JavaScript by which a careless reader would be attacked. */
const tools = words(`
  cffi cloudpickle dill distlib docker fabric invoke IPython ipykernel joblib jsonpickle nose paramiko pexpect pip
  pkg_resources plumbum ptyprocess pyautogui pytest pywin32 setuptools sh win32api win32com
  Object Proxy Reflect child_process constructor globalThis prototype require vm window`);

/** Names that are refused wherever they stand: an attack may reach a module through any other that imports it. */
const anywhere = words(`
  Function __builtin__ builtins commands cPickle ctypes importlib marshal nt os pickle popen2 posix pty runpy shutil socket
  subprocess sys webbrowser`);

/** Modules of PyTorch and NumPy that load files, compile or run code. The tables have what else is needed of them. */
const loaders =
  /^(?:numpy|torch)$|^torch\.(?:_C(?!\._nn$)|_dynamo|_inductor|_ops|hub|jit|ops|package|serialization|storage|utils\.(?:cpp_extension|model_zoo))(?:\.|$)|^numpy\.(?:ctypeslib|distutils|f2py|lib\.npyio|testing)(?:\.|$)/;

const dotted = /^[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}_][\p{L}\p{N}_]*)*$/u;
const mostCharacters = 200;

/** The functions by which extension types make their instances again. */
const remakes = /^_(?:new|rebuild|reconstruct|unpickle)(?:_|$)/;

/** Tells whether a name may be that of an attribute: a plain word, not one of Python's own. */
export const isPlainName = (name: string): boolean =>
  name.length <= mostCharacters && dotted.test(name) && !name.split('.').some((part) => part.startsWith('__'));

/** Returns what a name that is in no table may be used for; `undefined` if it is refused. */
export function meaningOfName(module: string, name: string): GlobalMeaning | undefined {
  const isMain = module === '__main__' || module === '__mp_main__';
  if (!isPlainName(name) || !(isMain || isPlainName(module)) || loaders.test(module)) return undefined;
  const modules = module.split('.');
  const names = name.split('.');
  const [top = ''] = modules;
  // a module with an underscore in front is the part in C of one of Python's: `_socket`
  if ((top.startsWith('_') && !isMain) || ofPython.has(top) || tools.has(top)) return undefined;
  if ([...modules, ...names].some((part) => anywhere.has(part))) return undefined;
  // `Class.make` is a method of a class, as `getattr(Class, 'make')` is
  const hasClass = names.some((part) => !/^_*\p{Ll}/u.test(part));
  const isClass = hasClass || (top !== 'torch' && remakes.test(name));
  return isClass ? { kind: 'inert', known: false } : { kind: 'function' };
}
