/** @type {import('next').NextConfig} */
export default {
  // the server imports the package from node_modules, with onnxruntime
  serverExternalPackages: ['moganet'],
};
