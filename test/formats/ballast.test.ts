import { expect } from 'chai';
import { bytesSource, openCheckpoint, plainValue, tensorsOf, valueAt } from '../../src/formats/index.ts';
import { refusalOf } from '../harness/rejection.ts';
import { bytesOf, CallValue, RawValue, TensorValue, TupleValue, torchZip } from '../harness/torch_file.ts';

const weight = new TensorValue('0', 'FloatStorage', 1, [1]);
const fileOf = (object: unknown) => torchZip(object, { 0: bytesOf(Float32Array.of(7)) });
const open = (object: unknown) => openCheckpoint(bytesSource(fileOf(object), 'w.pth'));
const beside = (value: unknown) =>
  open(
    new Map<string, unknown>([
      ['state_dict', new Map([['w', weight]])],
      ['x', value],
    ]),
  );
const operations = (text: string) => new RawValue(Buffer.from(text, 'latin1'));
const named = (module: string, name: string) => operations(`c${module}\n${name}\n`);
/** An object that is made without a call (NEWOBJ), with a state. */
const object = (module: string, name: string) => operations(`c${module}\n${name}\n)\x81}X\x01\x00\x00\x00aK\x05sb`);
const call = (module: string, name: string, ...args: readonly unknown[]) => new CallValue(module, name, args);
const attribute = (owner: unknown, name: string) => call('__builtin__', 'getattr', owner, name);

/** Real forms, as Python's pickle writes them at protocol 2. */
const skipped: readonly (readonly [what: string, value: unknown, names: readonly string[]])[] = [
  ['an enum by its value', call('my_project.train', 'Phase', 'x'), ['my_project.train.Phase']],
  ['an enum by its name', attribute(named('__main__', 'Phase'), 'TRAIN'), ['__main__.Phase']],
  ['an object with a state', object('my_project.train', 'Trainer'), ['my_project.train.Trainer']],
  ['an object of a class in lower case', object('my_project', 'config'), ['my_project.config']],
  ['a class', named('models.yolo', 'DetectionModel'), ['models.yolo.DetectionModel']],
  ['a class inside a class', object('my_project', 'Outer.Inner'), ['my_project.Outer.Inner']],
  [
    'a method of a class, as protocol 4 names it',
    operations('\x8c\x0amy_project\x8c\x0bConfig.make\x93)R'),
    ['my_project.Config.make'],
  ],
  ['a function that is mentioned', named('my_project.schedules', 'warm_up'), ['my_project.schedules.warm_up']],
  ['a function of PyTorch that is mentioned', named('torch._C._nn', 'gelu'), ['torch._C._nn.gelu']],
  [
    'functools.partial of a function',
    new CallValue('functools', 'partial', [named('my_project', 'f')], new TupleValue(named('my_project', 'f'))),
    ['functools.partial', 'my_project.f'],
  ],
  [
    'a function of PyTorch in C, as torch.relu is written',
    attribute(named('torch._C', '_VariableFunctionsClass'), 'relu'),
    ['torch._C._VariableFunctionsClass'],
  ],
  [
    'functools.partial of a function of NumPy',
    new CallValue('functools', 'partial', [named('numpy', 'mean')], new TupleValue(named('numpy', 'mean'))),
    ['functools.partial', 'numpy.mean'],
  ],
  [
    'the log history of mmengine',
    new CallValue(
      'mmengine.logging.history_buffer',
      'HistoryBuffer',
      [],
      new Map<string, unknown>([
        ['_max_length', 1000000],
        [
          '_statistics_methods',
          new Map([['min', attribute(named('mmengine.logging.history_buffer', 'HistoryBuffer'), 'min')]]),
        ],
      ]),
    ),
    ['mmengine.logging.history_buffer.HistoryBuffer'],
  ],
  ['a priority of mmengine', call('mmengine.hooks', 'Priority', 50), ['mmengine.hooks.Priority']],
  ['a version of PyTorch', call('torch.torch_version', 'TorchVersion', '2.1'), ['torch.torch_version.TorchVersion']],
  [
    'a dict of Lightning',
    operations('cpytorch_lightning.utilities.parsing\nAttributeDict\n)\x81(X\x02\x00\x00\x00lrK\x01u'),
    ['pytorch_lightning.utilities.parsing.AttributeDict'],
  ],
  [
    'a plain object of protocol 1',
    call('copy_reg', '_reconstructor', named('my_project', 'Old'), named('__builtin__', 'object'), null),
    ['my_project.Old'],
  ],
  ['a configuration of omegaconf', object('omegaconf.dictconfig', 'DictConfig'), ['omegaconf.dictconfig.DictConfig']],
  ['a bound method', attribute(object('my_project', 'Loss'), 'forward'), ['my_project.Loss']],
  [
    'a tensor of another class',
    call(
      'torch._tensor',
      '_rebuild_from_type_v2',
      named('torch._utils', '_rebuild_tensor_v2'),
      named('my.tensors', 'Image'),
      new TupleValue(),
      null,
    ),
    ['my.tensors.Image'],
  ],
  ['a class as key of a dict', new Map([[named('my_project', 'Callback'), 1]]), ['my_project.Callback']],
];

/** Types of Python, NumPy and PyTorch: common, and no news. */
const known: readonly (readonly [what: string, value: unknown])[] = [
  ['argparse.Namespace', object('argparse', 'Namespace')],
  ['a range of Python 3', call('__builtin__', 'xrange', 0, 3, 1)],
  ['a bytearray', call('__builtin__', 'bytearray', 'abc', 'latin-1')],
  ['empty bytes', call('__builtin__', 'bytes')],
  ['paths', call('pathlib', 'PosixPath', '/', 'data')],
  ['a deque and a Counter', [call('collections', 'deque', [1]), call('collections', 'Counter', new Map([['a', 1]]))]],
  ['types', [named('__builtin__', 'unicode'), named('__builtin__', 'long'), call('__builtin__', 'type', null)]],
  ['a NumPy array', call('numpy._core.multiarray', '_reconstruct', named('numpy', 'ndarray'), new TupleValue(0), 'b')],
  [
    'a NumPy array of protocol 5',
    call('numpy._core.numeric', '_frombuffer', operations('\x96\x01\x00\x00\x00\x00\x00\x00\x00a')),
  ],
  ['the state of a NumPy generator', call('numpy.random._pickle', '__randomstate_ctor', 'MT19937')],
  ['a type of NumPy', named('numpy', 'float32')],
  ['types of elements that are not read', ['complex64', 'uint32', 'float8_e4m3fn'].map((name) => named('torch', name))],
  ['an error', call('exceptions', 'ValueError', 'x')],
  [
    'keys that are no names',
    new Map<unknown, unknown>([
      [new TupleValue(1, 2), 1],
      [null, 2],
      [true, 3],
    ]),
  ],
];

describe('training state beside the weights', () => {
  for (const [what, value, names] of skipped) {
    it(`is skipped, and its class named: ${what}`, async () => {
      const checkpoint = await beside(value);
      expect(checkpoint.skipped).to.deep.equal(names);
      const tensors = tensorsOf(checkpoint);
      expect(tensors.map(({ path }) => path.join('.'))).to.deep.equal(['state_dict.w']);
      expect([...(await tensors[0]!.entry.readFloat32()).data]).to.deep.equal([7]);
    });
  }

  for (const [what, value] of known) {
    it(`is read past without a word: ${what}`, async () => {
      const checkpoint = await beside(value);
      expect([checkpoint.skipped, tensorsOf(checkpoint).length]).to.deep.equal([[], 1]);
    });
  }

  it('keeps what the file says about an object as data', async () => {
    const checkpoint = await beside(object('my_project', 'Config'));
    expect({ ...(plainValue(checkpoint, valueAt(checkpoint, ['x'])!) as object) }).to.deep.equal({ a: 5 });
    expect(valueAt(checkpoint, ['x', 'a'])).to.equal(5);
  });

  it('has its tensors left alone', async () => {
    const module = new CallValue('my_project', 'Ema', [], new Map([['shadow', weight]]));
    expect(tensorsOf(await beside(module)).map(({ path }) => path.join('.'))).to.deep.equal(['state_dict.w']);
  });

  it('is listed sorted, without control characters, and not without end', async () => {
    const classes = Array.from({ length: 40 }, (_, i) => object(`m${String(i).padStart(2, '0')}`, 'C'));
    const { skipped: names } = await beside(classes.reverse());
    expect(names).to.have.length(25);
    expect([names[0], names[23], names[24]]).to.deep.equal(['m00.C', 'm23.C', '16 more']);
  });

  it('is refused if it is in place of the weights: a module that was saved whole', async () => {
    const whole = new CallValue('models.net', 'Net', [], new Map([['_parameters', new Map([['w', weight]])]]));
    for (const saved of [whole, new Map<string, unknown>([['model', whole]]), [whole]]) {
      const refusal = await refusalOf(() => open(saved));
      expect(refusal.code).to.equal('unsupported');
      expect(refusal.message).to.match(/models\.net\.Net.*torch\.save\(model\).*save model\.state_dict\(\) alone/);
    }
  });
});

/** Names that no training state needs. They are refused whether they are called, made or only mentioned. */
const forbidden = `os system;posix system;nt system;subprocess Popen;subprocess check_output;sys exit;builtins eval;
  builtins exec;builtins compile;builtins __import__;builtins open;builtins print;builtins breakpoint;builtins globals;
  __builtin__ eval;__builtin__ execfile;__builtin__ reduce;importlib import_module;importlib._bootstrap _load;pty spawn;
  runpy run_path;runpy _run_code;socket socket;_socket socket;shutil rmtree;webbrowser open;ctypes CDLL;
  _ctypes CFuncPtr;code InteractiveInterpreter;pickle loads;_pickle Unpickler;cPickle loads;marshal loads;
  torch._C PyTorchFileReader;torch._C._nn.x load;torch load;torch compile;torch.hub load;torch.hub load_state_dict_from_url;torch.storage _load_from_bytes;
  torch.jit CompilationUnit;torch.utils.cpp_extension load_inline;torch.package PackageImporter;numpy load;
  numpy.testing._private.utils runstring;operator attrgetter;operator methodcaller;_operator itemgetter;timeit timeit;
  cProfile run;profile Profile;pdb Pdb;bdb Bdb;trace Trace;commands getoutput;popen2 Popen3;platform popen;
  types FunctionType;types CodeType;functools reduce;itertools starmap;asyncio.subprocess Process;
  multiprocessing.popen_fork Popen;multiprocessing Process;threading Thread;tempfile mktemp;urllib.request urlopen;
  http.server HTTPServer;smtplib SMTP;ftplib FTP;distutils.spawn spawn;setuptools Extension;pip main;
  pip._internal main;joblib load;dill loads;cloudpickle loads;paramiko SSHClient;IPython start_ipython;inspect getsource;
  my_project.os system;my_project.subprocess Popen;torch._utils.os system;collections OrderedDict.__init__;
  collections OrderedDict.__init__.__globals__;my_project Class.__subclasses__;my_project.__loader__ Class;
  my_project Class.os.system;argparse Namespace.__class__;argparse Namespacex;typing get_type_hints;
  constructor constructor;__proto__ constructor;globalThis Function;child_process execSync;
  my project Class;my_project ;../my_project Class;my_project Class()`
  .split(';')
  .map((line) => line.trim());

describe('a name that no checkpoint needs', () => {
  for (const full of forbidden) {
    const [, module = '', name = ''] = /^(.*?) ?([^ ]*)$/.exec(full) ?? [];
    it(`is refused: ${full}`, async () => {
      const forms = [named(module, name), call(module, name, 'x'), operations(`c${module}\n${name}\n)\x81`)];
      for (const form of forms) {
        const refusal = await refusalOf(() => beside(form));
        expect(refusal.code).to.equal('forbidden-global');
        expect(refusal.message).to.match(/Nothing of it was run/);
      }
    });
  }

  const calls: readonly (readonly [string, unknown])[] = [
    ['a function of another package', call('my_project', 'load', 'x')],
    ['a function that only JavaScript has', call('module', 'require', 'fs')],
    ['a future builder of PyTorch', call('torch._utils', '_rebuild_tensor_v9', 1)],
    ['a partial of a function', operations('cfunctools\npartial\ncmy_project\nf\n\x85R)R')],
    ['getattr of text', attribute('text', 'format')],
    ['getattr of a dict', attribute(new Map(), 'get')],
    ['getattr of a type', attribute(named('builtins', 'int'), 'from_bytes')],
    ['getattr of a builder', attribute(named('torch._utils', '_rebuild_tensor_v2'), 'x')],
    ['getattr of what Python itself uses', attribute(named('my_project', 'Class'), '__subclasses__')],
    ['getattr of a path', attribute(named('my_project', 'Class'), 'a.__class__')],
    ['getattr of no name', attribute(named('my_project', 'Class'), 'a b')],
    ['type with a name, which makes a class', call('builtins', 'type', 'X', new TupleValue(), new Map())],
    ['a storage class', call('torch', 'FloatStorage', 1)],
    [
      'a function of PyTorch in C',
      operations('c__builtin__\ngetattr\nctorch._C\n_VariableFunctionsClass\nX\x04\x00\x00\x00from\x86R)R'),
    ],
    ['a function of NumPy', call('numpy', 'mean', [1, 2])],
    ['a function of NumPy, by partial', operations('cfunctools\npartial\ncnumpy\nmean\n\x85R)R')],
  ];
  for (const [what, value] of calls) {
    it(`is refused if it is called: ${what}`, async () => {
      expect((await refusalOf(() => beside(value))).code).to.equal('forbidden-global');
    });
  }
});
